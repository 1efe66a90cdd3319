/** What an element can hold. Texts become text nodes, never markup. */
export type Child = Node | string | number | false | null | undefined | readonly Child[];

/** Attributes by name; `false` and `undefined` leave one out, `true` sets it empty. */
export interface Attributes {
  readonly [name: string]: string | number | boolean | undefined;
}

/** Attributes that would run or load something. The console needs none, so a slip is an error and not a hole. */
const REFUSED = /^(on|style$|srcdoc$|action$|formaction$)/i;

function setAttribute(element: Element, name: string, value: string | number | boolean | undefined): void {
  if (value === undefined || value === false) return;
  if (REFUSED.test(name)) throw new Error(`the attribute ${name} is not set from code`);
  if (name === 'href' && !String(value).startsWith('#'))
    throw new Error('links of the console stay inside the console');
  element.setAttribute(name, value === true ? '' : String(value));
}

/**
 * Puts children into an element. This and {@link h} are the only ways anything reaches the page: what comes from the
 * control plane (statements are written by whoever wants to be approved) is text wherever it ends up.
 */
export function append(parent: Node, ...children: readonly Child[]): void {
  for (const child of children) {
    if (child === false || child === null || child === undefined) continue;
    if (child instanceof Node) parent.appendChild(child);
    else if (typeof child === 'object') append(parent, ...child);
    else parent.appendChild(document.createTextNode(String(child)));
  }
}

/** A new element. Throws on attributes that could run code and on links that leave the console. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) setAttribute(element, name, value);
  append(element, ...children);
  return element;
}

/** Makes `children` the whole content of `parent`. */
export function fill(parent: Element, ...children: readonly Child[]): void {
  parent.replaceChildren();
  append(parent, ...children);
}

/** A button that does something; never submits a form by accident. */
export function button(label: string, act: () => void, attributes: Attributes = {}): HTMLButtonElement {
  const element = h('button', { type: 'button', ...attributes }, label);
  element.addEventListener('click', act);
  return element;
}
