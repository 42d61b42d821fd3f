/** The shells that have a script. */
export type Shell = keyof typeof SCRIPTS;

/**
 * Each script hands the words so far to `gantry __complete` and offers what comes back, and files where nothing does.
 * What ends in `:`, `/` or `=` goes on, so no space follows it.
 */
export const SCRIPTS = {
  bash: `# bash completion for gantry
_gantry() {
  local -a words
  # Bash takes names apart at their colons; the line itself has them whole.
  read -ra words <<<"\${COMP_LINE:0:COMP_POINT}"
  [[ \${COMP_LINE:0:COMP_POINT} == *[[:blank:]] ]] && words+=("")
  local cur="\${words[@]: -1}" found
  found=$("\${words[0]/#\\~/$HOME}" __complete -- "\${words[@]:1}" 2>/dev/null) || return
  [[ -n $found ]] || return
  mapfile -t COMPREPLY <<<"$found"
  # Only what follows the last colon or equals sign is replaced.
  [[ $cur == *[:=]* ]] && COMPREPLY=("\${COMPREPLY[@]#"\${cur%"\${cur##*[:=]}"}"}")
  [[ \${#COMPREPLY[@]} == 1 && \${COMPREPLY[0]} == *[:/=] ]] && compopt -o nospace
  return 0
}
complete -o default -F _gantry gantry
`,
  zsh: `#compdef gantry
_gantry() {
  local -a found open whole
  found=("\${(@f)$("\${(Q)words[1]}" __complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  open=(\${(M)found:#*[:/=]})
  whole=(\${found:#*[:/=]})
  if (( $#open + $#whole == 0 )); then
    _files
    return
  fi
  (( $#whole )) && compadd -a whole
  (( $#open )) && compadd -S '' -a open
  return 0
}
if [[ "$funcstack[1]" = _gantry ]]; then _gantry "$@"; else compdef _gantry gantry; fi
`,
  fish: `# fish completion for gantry
function __gantry_complete
    set -l words (commandline -opc)
    $words[1] __complete -- $words[2..] (commandline -ct) 2>/dev/null
end
complete -c gantry -a '(__gantry_complete)'
`,
} as const;
