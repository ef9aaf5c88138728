// What the page says: to everybody as a passing note, or only to those who listen to it.

export interface Notice {
  id: number
  text: string
  tone: 'plain' | 'bad'
  action: NoticeAction | null
}

/** What can be done about it with one click, such as taking it back. */
export interface NoticeAction {
  label: string
  run: () => void
}

const SHOWN_MS = 6_000
/** Who may act has to read, decide and get there. */
const SHOWN_WITH_ACTION_MS = 15_000

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

export function notify(text: string, tone: Notice['tone'] = 'plain', action: NoticeAction | null = null): number {
  const id = ++lastId
  // The same words twice are one note, shown anew.
  notices = [...notices.filter((notice) => notice.text !== text), { id, text, tone, action }].slice(-3)
  setTimeout(() => dismiss(id), action ? SHOWN_WITH_ACTION_MS : SHOWN_MS)
  return id
}

export function dismiss(id: number): void {
  notices = notices.filter((notice) => notice.id !== id)
}

/** For screen readers. */
export function announce(text: string): void {
  // A region that does not change is not read again.
  announcement = announcement === text ? `${text}\u00a0` : text
}
