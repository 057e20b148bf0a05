# needs: zsh
# The zsh script is valid and registers itself.

$ waggle completion zsh >_waggle; zsh -n _waggle
$ zsh -fc 'autoload -Uz compinit && compinit -u -D && . ./_waggle && print ${_comps[waggle]}'
_waggle
$ timeout 30 zsh -f $T/complete.zsh
completed
