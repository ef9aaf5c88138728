import type { Columns } from './board-model'
import { type Status, STATUSES } from './columns'

// Where the arrow keys lead on a board: the card to go to, or the place to put the card.

export type Arrow = 'ArrowUp' | 'ArrowDown' | 'ArrowLeft' | 'ArrowRight'

export interface Spot {
  status: Status
  index: number
}

export function isArrow(key: string): key is Arrow {
  return key === 'ArrowUp' || key === 'ArrowDown' || key === 'ArrowLeft' || key === 'ArrowRight'
}

export function findCard(columns: Columns, id: string): Spot | null {
  for (const status of STATUSES) {
    const index = columns[status].findIndex((task) => task.id === id)
    if (index >= 0) return { status, index }
  }
  return null
}

/** The card an arrow key leads to; sideways it skips empty columns. */
export function neighbour(columns: Columns, id: string, arrow: Arrow): string | null {
  const at = findCard(columns, id)
  if (!at) return null
  if (arrow === 'ArrowUp') return columns[at.status][at.index - 1]?.id ?? null
  if (arrow === 'ArrowDown') return columns[at.status][at.index + 1]?.id ?? null
  const step = arrow === 'ArrowLeft' ? -1 : 1
  for (let i = STATUSES.indexOf(at.status) + step; i >= 0 && i < STATUSES.length; i += step) {
    const cards = columns[STATUSES[i] as Status]
    if (cards.length > 0) return cards[Math.min(at.index, cards.length - 1)]?.id ?? null
  }
  return null
}

/** The place an arrow key moves the card to, counted without the card itself. */
export function destination(columns: Columns, id: string, arrow: Arrow): Spot | null {
  const at = findCard(columns, id)
  if (!at) return null
  const count = columns[at.status].length
  if (arrow === 'ArrowUp') return at.index > 0 ? { ...at, index: at.index - 1 } : null
  if (arrow === 'ArrowDown') return at.index < count - 1 ? { ...at, index: at.index + 1 } : null
  const status = STATUSES[STATUSES.indexOf(at.status) + (arrow === 'ArrowLeft' ? -1 : 1)]
  return status ? { status, index: Math.min(at.index, columns[status].length) } : null
}
