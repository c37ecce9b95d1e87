# Completion of graftctl for bash: commands, options, and names that the running broker knows.

_graftctl()
{
    local word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} command= control=() at
    local commands="status routes plugins clients sessions subscriptions trace reload rollback kick"
    COMPREPLY=()
    for ((at = 1; at < COMP_CWORD; at++)); do
        case ${COMP_WORDS[at]} in
        --control) control=(--control "${COMP_WORDS[at + 1]}") && at=$((at + 1)) ;;
        --client | --topic) at=$((at + 1)) ;;
        -*) ;;
        *) [ -n "$command" ] || command=${COMP_WORDS[at]} ;;
        esac
    done
    case $previous in
    --control) mapfile -t COMPREPLY < <(compgen -f -- "$word") && return ;;
    --topic) return ;;
    esac
    if [[ $word == -* && $previous != --client ]]; then
        mapfile -t COMPREPLY < <(compgen -W "--control --json --names --client --topic --version --help" -- "$word")
        return
    fi
    if [ -z "$command" ]; then
        mapfile -t COMPREPLY < <(compgen -W "$commands" -- "$word")
        return
    fi
    local names=
    case $previous:$command in
    --client:* | *:clients | *:kick | *:trace) names=$(graftctl "${control[@]}" clients --names 2>/dev/null) ;;
    *:sessions) names=$(graftctl "${control[@]}" sessions --names 2>/dev/null) ;;
    esac
    local IFS=$'\n'
    mapfile -t COMPREPLY < <(compgen -W "$names" -- "$word")
}

complete -F _graftctl graftctl
