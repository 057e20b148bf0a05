# needs: bash
# The bash script is valid and completes commands, options, choices, formats, files and words.

$ waggle completion bash >c.bash; bash -n c.bash
$ printf '. ./c.bash\ncompopt() { :; }\nCOMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _waggle; printf "%%s\\n" "${COMPREPLY[@]}" | sort\n' >try.sh; bash try.sh waggle rep
report

$ bash try.sh waggle report --sym --str
--strict

$ bash try.sh waggle report --by ''
comm
nothing
process
thread

$ bash try.sh waggle report --by = pr
process

$ bash try.sh waggle report --format fo
folded

$ touch this.waggle; bash try.sh waggle report thi
this.waggle

$ mkdir there; bash try.sh waggle report --output-dir th
there

$ bash try.sh waggle completion ''
bash
zsh

$ bash try.sh waggle help doc
doctor

$ bash try.sh waggle doctor --
--debug-dir
--debug-file
--debug-memory
--help
--json

