export interface Piece {
  text: string
  href: string | null
}

const URL_START = /https?:\/\/[^\s<>"'`]+/g
/** What ends a sentence rather than an address; a bracket only when it was not opened in it. */
const TRAILING = /[.,;:!?*_)\]}]+$/

/** Cuts a text into plain pieces and web addresses; together they are the text. */
export function linkify(text: string): Piece[] {
  const pieces: Piece[] = []
  let end = 0
  for (const match of text.matchAll(URL_START)) {
    const href = trimUrl(match[0])
    if (match.index > end) pieces.push({ text: text.slice(end, match.index), href: null })
    pieces.push({ text: href, href })
    end = match.index + href.length
  }
  if (end < text.length) pieces.push({ text: text.slice(end), href: null })
  return pieces
}

function trimUrl(url: string): string {
  const tail = TRAILING.exec(url)?.[0] ?? ''
  if (tail === '') return url
  if (tail.startsWith(')') && url.includes('(')) return url.slice(0, url.length - tail.length + 1)
  return url.slice(0, url.length - tail.length)
}
