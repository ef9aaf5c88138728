/** A hue of its own for each label, the same in every window. */
export function labelHue(label: string): number {
  let hash = 2166136261
  for (const char of label) hash = Math.imul(hash ^ (char.codePointAt(0) ?? 0), 16777619)
  return (hash >>> 0) % 360
}

/** `bug, needs review` as labels: no empty ones, none twice. */
export function parseLabels(text: string): string[] {
  return [...new Set(text.split(',').map((label) => label.trim()).filter((label) => label !== ''))]
}
