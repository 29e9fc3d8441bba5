#compdef ck
# zsh completion for ck; load with: source <(ck completion zsh)
_ck() {
    local -a found
    found=("${(@f)$("${words[1]}" __complete "${(@)words[2,CURRENT]}" 2>/dev/null)}")
    if (( ${found[(Ie)__files__]} )); then
        found=("${(@)found:#__files__}")
        _files
    fi
    found=("${(@)found:#}")
    compadd -- "${found[@]}"
}
compdef _ck ck
