import type { Assignment, CommandArgument, HereDoc, Word, WordPart } from 'unbash';

/** The text of a word when the shell cannot make it anything else; null when it is known only as the line runs. */
export type Text = string | null;

/**
 * The constant text of a word, quotes removed. Null for expansions, globs and braces, and for `~user` and zsh's
 * `=name`, which stand for paths.
 */
export function constantOf(word: Word): Text {
  if (/^(?:~[^/]|=)/.test(word.text)) return null;
  if (!word.parts) return word.value;
  return joined(word.parts);
}

function joined(parts: readonly WordPart[]): Text {
  let text = '';
  for (const part of parts) {
    const more = constantPart(part);
    if (more === null) return null;
    text += more;
  }
  return text;
}

function constantPart(part: WordPart): Text {
  switch (part.type) {
    case 'Literal':
    case 'SingleQuoted':
    case 'AnsiCQuoted':
      return part.value;
    case 'DoubleQuoted':
    case 'LocaleString':
      return joined(part.parts);
    default:
      return null;
  }
}

/** The same for an argument that looks like an assignment (`dd if=x`, `env A=b`). */
export function argumentText(argument: CommandArgument): Text {
  if (argument.type === 'Word') return constantOf(argument);
  const value = assignedText(argument);
  return value === null ? null : `${argument.name}${argument.append ? '+' : ''}=${value}`;
}

export function assignedText({ value, index }: Assignment): Text {
  return value.type === 'Word' && !index ? constantOf(value) : null;
}

/** What a here-document feeds, or null when it holds expansions. */
export function hereDocText({ body, delimiter, operator }: HereDoc): Text {
  let text = operator === '<<-' ? body.text.replace(/^\t+/gm, '') : body.text;
  if (delimiter?.quoted) return text;
  if (body.parts?.some((part) => part.type !== 'Literal')) return null;
  // POSIX 2.7.4: in an unquoted here-document a backslash is special only before these.
  text = text.replace(/\\\n/g, '').replace(/\\([$`\\])/g, '$1');
  return text;
}

/** Whether text holds what would be run if something read it as shell text once more. */
export function holdsSubstitution(text: string): boolean {
  return /\$\(|`|\$\{|<\(|>\(/.test(text);
}
