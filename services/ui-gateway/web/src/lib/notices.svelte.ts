// What the page says: to everybody as a passing note, or only to those who listen to it.

export interface Notice {
  id: number
  text: string
  tone: 'plain' | 'bad'
}

const SHOWN_MS = 6_000

let notices = $state.raw<Notice[]>([])
let announcement = $state('')
let lastId = 0

export const spoken = {
  get notices() {
    return notices
  },
  get announcement() {
    return announcement
  },
}

export function notify(text: string, tone: Notice['tone'] = 'plain'): void {
  const id = ++lastId
  // The same words twice are one note, shown anew.
  notices = [...notices.filter((notice) => notice.text !== text), { id, text, tone }].slice(-3)
  setTimeout(() => dismiss(id), SHOWN_MS)
}

export function dismiss(id: number): void {
  notices = notices.filter((notice) => notice.id !== id)
}

/** For screen readers. */
export function announce(text: string): void {
  // A region that does not change is not read again.
  announcement = announcement === text ? `${text}\u00a0` : text
}
