const OPEN_STEP = /^[ \t]*[-*] \[ \][ \t]+(\S.*?)[ \t]*$/gm
const TITLE_MAX_CHARS = 300
/** More than this from one click is a mistake. */
const STEPS_MAX = 50

/** The unticked `- [ ]` and `* [ ]` lines of a description, as titles of tasks. */
export function openSteps(description: string): string[] {
  return Array.from(description.matchAll(OPEN_STEP), (match) => [...(match[1] ?? '')].slice(0, TITLE_MAX_CHARS).join('')).slice(0, STEPS_MAX)
}
