# bash completion for ck; load with: source <(ck completion bash)
_ck() {
    local IFS=$'\n' current line
    # Colons and equal signs divide words in COMP_WORDS; ck wants them whole.
    line=${COMP_LINE:0:COMP_POINT}
    local -a words
    IFS=$' \t\n' read -ra words <<<"$line"
    [[ $line == *[[:space:]] ]] && words+=("")
    current=${words[-1]}
    local -a found
    mapfile -t found < <("${words[0]}" __complete "${words[@]:1}" 2>/dev/null)
    COMPREPLY=()
    local word prefix=
    # Readline replaces only what follows the last word break.
    [[ $COMP_WORDBREAKS == *:* && $current == *:* ]] && prefix=${current%"${current##*:}"}
    for word in "${found[@]}"; do
        if [[ $word == __files__ ]]; then
            compopt -o filenames 2>/dev/null
            COMPREPLY+=($(compgen -f -- "$current"))
        else
            COMPREPLY+=("${word#"$prefix"}")
        fi
    done
}
complete -F _ck ck
