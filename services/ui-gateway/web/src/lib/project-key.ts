/** What a project key may look like: `ECH`, `WEB2`. */
export const PROJECT_KEY = /^[A-Z][A-Z0-9]{1,9}$/

/**
 * A key for a project of this name: the initials of several words, else the word's first letters.
 * Empty when the name has nothing to make one from.
 */
export function suggestKey(name: string): string {
  const words = name
    // "Café" gives CAFE: decomposed, the accents fall away with everything that is no letter.
    .normalize('NFKD')
    .replace(/[\u0300-\u036f]/g, '')
    .toUpperCase()
    .split(/[^A-Z0-9]+/)
    .filter((word) => word !== '')
  const first = words.findIndex((word) => /^[A-Z]/.test(word))
  if (first < 0) return ''
  const usable = words.slice(first)
  const initials = usable.map((word) => word[0]).join('').slice(0, 5)
  if (initials.length >= 2) return initials
  const word = usable.join('')
  if (word.length < 2) return ''
  return word.length <= 5 ? word : word.slice(0, 3)
}
