# complete.zsh - presses the tab key in a zsh on a pseudo terminal: "waggle doc" must become "waggle doctor".
zmodload zsh/zpty
zpty -b z zsh -f -i

# Collects what the terminal shows until it holds $1, for at most 10 s.
await() {
	local out seen= i
	for ((i = 0; i < 100; i++)); do
		while zpty -rt z out; do seen+=$out; done
		[[ $seen == *$1* ]] && return 0
		sleep 0.1
	done
	print "no $1"
	return 1
}

zpty -w z 'PS1=; print sta""rted'
await started &&
	zpty -w z 'autoload -Uz compinit; compinit -u -D; . ./_waggle; bindkey "^I" complete-word; print rea""dy'
await ready && zpty -w -n z $'waggle doc\t' && await doctor && print completed
zpty -d z
