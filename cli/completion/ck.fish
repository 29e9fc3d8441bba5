# fish completion for ck; load with: ck completion fish | source
function __ck_complete
    set -l words (commandline -opc) (commandline -ct)
    for word in ($words[1] __complete $words[2..-1] 2>/dev/null)
        if test "$word" = __files__
            __fish_complete_path (commandline -ct)
        else
            echo $word
        end
    end
end
complete -c ck -f -a '(__ck_complete)'
