/** Completion scripts for shells, from the verbs and options as commander knows them. */
import type { Command as Program } from 'commander';

export const shells = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof shells)[number];

/** What can stand for an argument, or for the value of an option. Pods and runs are looked up when a key is pressed. */
export type Values =
  | { readonly kind: 'pods' | 'runs' | 'files' | 'none' }
  | { readonly kind: 'words'; readonly words: readonly string[] };

export interface CompletedOption {
  readonly flags: readonly string[];
  readonly description: string;
  /** Null: it takes none. */
  readonly value: Values | null;
}

export interface CompletedVerb {
  /** `config print` is one verb of two words. */
  readonly words: readonly string[];
  readonly description: string;
  readonly options: readonly CompletedOption[];
  readonly argument: Values;
}

/** By the names that arguments and values of options have in the help. */
export type KnownValues = Readonly<Record<string, Values | undefined>>;

export function verbsOf(program: Program, known: KnownValues): CompletedVerb[] {
  return program.commands.flatMap((verb) => collect(verb, [], known));
}

function collect(verb: Program, before: readonly string[], known: KnownValues): CompletedVerb[] {
  const words = [...before, verb.name()];
  if (verb.commands.length > 0) return verb.commands.flatMap((each) => collect(each, words, known));
  const [argument] = verb.registeredArguments;
  const choices = argument?.argChoices;
  return [
    {
      words,
      description: verb.description(),
      options: [...optionsOf(verb, known), { flags: ['-h', '--help'], description: 'what it does', value: null }],
      argument: choices !== undefined ? { kind: 'words', words: choices } : valuesOf(argument?.name(), known),
    },
  ];
}

export function optionsOf(verb: Program, known: KnownValues): CompletedOption[] {
  return verb.options.map(({ short, long, description, required, optional, flags }) => ({
    flags: [short, long].filter((flag) => flag !== undefined && flag !== null),
    description,
    value: required || optional ? valuesOf(/[<[]([^>\].]+)/.exec(flags)?.[1], known) : null,
  }));
}

function valuesOf(name: string | undefined, known: KnownValues): Values {
  return name === undefined ? { kind: 'none' } : (known[name] ?? { kind: 'files' });
}

export function completionScript(shell: Shell, verbs: readonly CompletedVerb[], common: readonly CompletedOption[]): string {
  if (shell === 'fish') return fish(verbs, common);
  const script = bash(verbs, common);
  // zsh reads bash's with a module of its own.
  return shell === 'bash'
    ? `${script}complete -F _cxlpod cxlpod\n`
    : `#compdef cxlpod\nautoload -Uz bashcompinit && bashcompinit\n${script}complete -F _cxlpod cxlpod\n`;
}

const podsFolder = `\${XDG_STATE_HOME:-$HOME/.local/state}/cxlpod`;

function bash(verbs: readonly CompletedVerb[], common: readonly CompletedOption[]): string {
  const flags = (options: readonly CompletedOption[]): string => options.flatMap((each) => each.flags).join(' ');
  const firstWords = [...new Set(verbs.map(({ words }) => words[0]!))];
  const nested = firstWords.filter((word) => verbs.some(({ words }) => words[0] === word && words.length > 1));
  const cases = verbs.map(
    ({ words, options, argument }) => `    '${words.join(' ')}')
      case "$previous" in
${options
  .flatMap(({ flags: names, value }) =>
    value === null ? [] : [`        ${names.join('|')}) _cxlpod_${bashValues(value)}; return ;;`],
  )
  .join('\n')}
      esac
      if [[ $current == -* ]]; then _cxlpod_words ${quoted(flags([...options, ...common]))}; else _cxlpod_${bashValues(argument)}; fi ;;`,
  );
  const groups = nested.map((first) => {
    const seconds = verbs.flatMap(({ words }) => (words[0] === first && words[1] !== undefined ? [words[1]] : []));
    return `    '${first}') _cxlpod_words ${quoted(seconds.join(' '))} ;;`;
  });
  return `# Completion of cxlpod, printed by \`cxlpod completion\`.
_cxlpod_words() { mapfile -t COMPREPLY < <(compgen -W "$1" -- "$current"); }
_cxlpod_files() { mapfile -t COMPREPLY < <(compgen -f -- "$current"); compopt -o filenames 2>/dev/null; }
_cxlpod_words_or_files() { mapfile -t COMPREPLY < <(compgen -W "$1" -- "$current"; compgen -f -- "$current"); }
_cxlpod_pods() { _cxlpod_words "$(command ls "${podsFolder}" 2>/dev/null)"; }
_cxlpod_runs() { mapfile -t COMPREPLY < <(compgen -d -- "\${current:-.runs/}"); compopt -o filenames 2>/dev/null; }
_cxlpod_none() { COMPREPLY=(); }
_cxlpod() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD-1]} verb='' word
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    [[ $word == -* ]] && continue
    if [[ -z $verb ]]; then verb=$word${nested.length === 0 ? '' : `\n    elif [[ ' ${nested.join(' ')} ' == *" $verb "* ]]; then verb+=" $word"`}
    else break; fi
  done
  case "$verb" in
    '') _cxlpod_words ${quoted(`${firstWords.join(' ')} help ${flags(common)}`)} ;;
${groups.join('\n')}
${cases.join('\n')}
    *) _cxlpod_files ;;
  esac
}
`;
}

function bashValues(values: Values): string {
  return values.kind === 'words' ? `words_or_files ${quoted(values.words.join(' '))}` : values.kind;
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function fish(verbs: readonly CompletedVerb[], common: readonly CompletedOption[]): string {
  const lines = ['# Completion of cxlpod, printed by `cxlpod completion`.', 'complete -c cxlpod -f'];
  const option = (condition: string, { flags, description, value }: CompletedOption): string => {
    const names = flags.map((flag) => (flag.startsWith('--') ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`));
    return [
      'complete -c cxlpod',
      condition,
      ...names,
      value === null ? '' : `-r ${fishValues(value)}`,
      `-d ${fishQuoted(description)}`,
    ]
      .filter((part) => part !== '')
      .join(' ');
  };
  for (const each of common) lines.push(option('', each));
  const seen = new Set<string>();
  for (const { words, description, options, argument } of verbs) {
    const [first, second] = words;
    if (!seen.has(first!)) {
      const told = second === undefined ? description : '';
      lines.push(`complete -c cxlpod -n __fish_use_subcommand -a ${first} -d ${fishQuoted(told)}`);
    }
    seen.add(first!);
    const inFirst = `__fish_seen_subcommand_from ${first}`;
    if (second !== undefined) {
      lines.push(
        `complete -c cxlpod -n '${inFirst}; and not __fish_seen_subcommand_from ${second}' -a ${second} -d ${fishQuoted(description)}`,
      );
    }
    const condition = `-n '${inFirst}${second === undefined ? '' : `; and __fish_seen_subcommand_from ${second}`}'`;
    for (const each of options) lines.push(option(condition, each));
    if (argument.kind !== 'none') lines.push(`complete -c cxlpod ${condition} ${fishValues(argument)}`);
  }
  return `${lines.join('\n')}\n`;
}

function fishValues(values: Values): string {
  switch (values.kind) {
    case 'words':
      return `-F -a ${fishQuoted(values.words.join(' '))}`;
    case 'pods':
      return `-a '(command ls (set -q XDG_STATE_HOME; and echo $XDG_STATE_HOME; or echo $HOME/.local/state)/cxlpod 2>/dev/null)'`;
    case 'runs':
      return `-a '(__fish_complete_directories)'`;
    case 'files':
      return '-F';
    case 'none':
      return '';
  }
}

function fishQuoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}
