# Help comes from the tables and fits the terminal.

$ waggle --version | sed 's/[0-9][0-9.]*/N/'
waggle N
$ waggle help help
Usage: waggle help [COMMAND]
|
Lists the commands, or explains one of them.

$ waggle help completion
Usage: waggle completion bash|zsh
|
Prints a completion script for the shell.
|
Examples:
  . <(waggle completion bash)               use it in this shell
  waggle completion zsh > ~/.zfunc/_waggle  keep it, where ~/.zfunc is in fpath



# Every command is listed, explains itself, and both ways of asking agree.
$ for c in cpu off wall top serve report doctor dump help man completion; do waggle help | grep -q "^  $c " || echo "$c is not listed"; done
$ for c in cpu off wall top serve report doctor dump help man completion; do waggle help $c >a; waggle $c --help >b; cmp a b; waggle $c -h >b; cmp a b; done
$ waggle --help >a; waggle help >b; cmp a b; waggle -h >b; cmp a b

# No line is wider than the terminal, whatever its width.
$ for w in 60 80 120; do COLUMNS=$w; for c in "" cpu off wall top serve report doctor dump; do waggle help $c | awk -v w=$w 'length($0) > w && !/--|^Usage|^  (sudo )?waggle/ { print w ": " $0 }'; done; done
