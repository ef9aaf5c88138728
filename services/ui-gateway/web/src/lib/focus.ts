/** For the element where someone begins: a form's first field, the harmless answer of a question. */
export function takeFocus(element: HTMLElement): void {
  element.dataset['focus'] = ''
  element.focus({ preventScroll: true })
}

/** The same for what could not take it yet, such as the content of a dialog that has just opened. */
export function focusStart(root: ParentNode, otherwise?: string): void {
  const start = root.querySelector<HTMLElement>('[data-focus]')
  const element = start ?? (otherwise === undefined ? null : root.querySelector<HTMLElement>(otherwise))
  element?.focus({ preventScroll: true })
}
