import type { SyntaxNode } from 'unbash';
import type { Findings } from './findings.ts';
import { constantOf, holdsSubstitution, type Text } from './word.ts';

const COMPARES = new Set(['-eq', '-ne', '-lt', '-le', '-gt', '-ge']);

/**
 * Arithmetic in bash evaluates the texts of its variables again, subscripts and all: with `x='a[$(rm y)]'` a plain
 * `$((x))` runs rm. So what arithmetic reads must be numbers, or nobody knows what it runs.
 */
export class Arithmetic {
  readonly #read = new Set<string>();
  /** Variables given something other than a number. */
  readonly #suspect = new Set<string>();

  assigned(name: string, value: Text): void {
    if (value === null || !/^-?\w*$/.test(value) || /[A-Za-z_]/.test(value)) this.#suspect.add(name);
  }

  doubts(): string[] {
    for (const name of this.#read)
      if (this.#suspect.has(name)) return [`arithmetic evaluates the text of ${name}, which is no number`];
    return [];
  }

  /** Looks at one node of the tree; returns what makes it not understood, or null. */
  see(node: SyntaxNode, findings: Findings): string | null {
    switch (node.type) {
      case 'ArithmeticWord':
        return this.#names(node.value);
      case 'ArithmeticCommandExpansion':
        return 'arithmetic evaluates the output of a command';
      case 'ArithmeticCommand':
        // A shell without this construct (dash) reads two subshells and runs the words.
        if (!/^[\w\s+\-/%=<>!&|^~:,$]*$/.test(node.body))
          return 'some shells run what others calculate between double parentheses';
        for (const word of node.body.match(/[A-Za-z_./][\w./-]*/g) ?? []) findings.mayRun.add(word);
        return null;
      case 'TestBinary':
        return COMPARES.has(node.operator) ? this.#compared(node.left.text, node.right.text) : null;
      case 'TestUnary':
        return node.operator === '-v' ? named(constantOf(node.operand)) : null;
      case 'TestLogical':
        // A shell without this construct runs what stands behind && and ||.
        for (const operand of node.operands.slice(1))
          if (operand.type === 'TestUnary' || operand.type === 'TestBinary') {
            const first = operand.type === 'TestUnary' ? operand.operand : operand.left;
            const text = constantOf(first);
            if (text !== null && /^[A-Za-z./]/.test(text)) findings.mayRun.add(text);
          }
        return null;
      case 'ParameterExpansion':
        return this.#expansion(node);
      case 'For':
      case 'Select':
        if (!node.wordlist?.every((word) => constantOf(word) !== null)) this.#suspect.add(node.name.value);
        else for (const word of node.wordlist) this.assigned(node.name.value, constantOf(word));
        return null;
      default:
        return null;
    }
  }

  #expansion(node: Extract<SyntaxNode, { type: 'ParameterExpansion' }>): string | null {
    const { operation, prefix, index, text } = node;
    if (operation?.type === 'Unknown') return `${text} is no expansion the grammar knows`;
    if (operation?.type === 'Transform') return `${text} evaluates what the variable holds`;
    if (prefix === '!' && operation?.type !== 'Names' && !/^[@*]$/.test(index?.value ?? ''))
      return `${text} evaluates what the variable holds`;
    if (index && !/^[@*]$/.test(index.value)) {
      const why = this.#names(index.text);
      if (why !== null) return why;
    }
    if (operation?.type === 'Slice')
      return this.#names(operation.offset.text) ?? this.#names(operation.length?.text ?? '');
    return null;
  }

  #compared(left: string, right: string): string | null {
    return this.#names(left) ?? this.#names(right);
  }

  /** Notes the variables a piece of arithmetic reads. */
  #names(text: string): string | null {
    if (holdsSubstitution(text.replace(/\$\{\w+\}/g, '')))
      return 'arithmetic evaluates the output of a command';
    if (/\$\{?[\d@*]/.test(text)) return 'arithmetic evaluates an argument';
    for (const name of text.match(/[A-Za-z_]\w*/g) ?? []) this.#read.add(name);
    return null;
  }
}

/** `-v` and its kind take a variable's name, and evaluate the subscript of one that has it. */
export function named(name: Text): string | null {
  return name !== null && /^\w*$/.test(name) ? null : 'a variable is named only when the line runs';
}
