# __uzerp-mfa_unquote sets REPLY to a word without its quotes. It runs and expands nothing but ~/.
__uzerp-mfa_unquote() {
    local rest=$1 c quote=''
    REPLY=''
    if [[ $rest == '~/'* ]]; then
        REPLY=$HOME rest=${rest:1}
    fi
    while [[ -n $rest ]]; do
        c=${rest:0:1} rest=${rest:1}
        if [[ -n $quote && $c == "$quote" ]]; then
            quote=''
        elif [[ -z $quote && ( $c == \' || $c == '"' ) ]]; then
            quote=$c
        elif [[ $c == '\' && ( -z $quote || $quote == '"' && ${rest:0:1} == [\$\"\\\`] ) ]]; then
            REPLY+=${rest:0:1} rest=${rest:1}
        else
            REPLY+=$c
        fi
    done
}
