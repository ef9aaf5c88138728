import type { Columns } from './board-model'
import { STATUSES } from './columns'
import type { HeldTask } from './held'

/** The tasks whose ref, title, author or labels hold every word. */
export function filterColumns(columns: Columns, search: string): Columns {
  const words = search.toLowerCase().split(/\s+/).filter((word) => word !== '')
  if (words.length === 0) return columns
  const holds = (task: HeldTask) => {
    const text = [task.ref, task.title, task.author.name, ...task.labels].join('\n').toLowerCase()
    return words.every((word) => text.includes(word))
  }
  const found = { ...columns }
  for (const status of STATUSES) found[status] = columns[status].filter(holds)
  return found
}
