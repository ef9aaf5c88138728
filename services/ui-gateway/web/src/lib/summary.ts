import type { GlanceChange as Change, GlanceChanges as Changes } from './api-types'

// What happened while someone was away, in words.

type Wording = [one: string, many: string]

const WORDS: [type: string, counted: Wording, each: string][] = [
  ['task.completed', ['task done', 'tasks done'], 'done'],
  ['task.created', ['new', 'new'], 'new'],
  ['task.moved', ['moved', 'moved'], 'moved'],
  ['task.updated', ['edited', 'edited'], 'edited'],
  ['task.deleted', ['task deleted', 'tasks deleted'], 'deleted'],
  ['comment.added', ['comment', 'comments'], 'comment'],
  ['comment.updated', ['comment edited', 'comments edited'], 'comment edited'],
  ['comment.deleted', ['comment deleted', 'comments deleted'], 'comment deleted'],
  ['member.added', ['member joined', 'members joined'], 'member joined'],
  ['member.removed', ['member left', 'members left'], 'member left'],
]

/** The server stops counting here. */
const COUNTED_MAX = 10_000

/** `7 changes since you were here: 3 tasks done, 2 new, 1 comment, 1 other` */
export function changesText(changes: Changes): string {
  const { total } = changes
  const number = total > COUNTED_MAX ? `More than ${group(COUNTED_MAX)}` : group(total)
  const parts = partsOf(changes)
  const lead = `${number} ${total === 1 ? 'change' : 'changes'} since you were here`
  return parts.length > 0 ? `${lead}: ${parts.join(', ')}` : lead
}

function partsOf({ total, by_type }: Changes): string[] {
  const counts = new Map<string, number>()
  for (const [type, count] of Object.entries(by_type)) counts.set(shortType(type), count)
  const parts: string[] = []
  let named = 0
  for (const [type, [one, many]] of WORDS) {
    const count = counts.get(type) ?? 0
    if (count === 0) continue
    parts.push(`${group(count)} ${count === 1 ? one : many}`)
    named += count
  }
  if (parts.length > 0 && total > named) parts.push(`${group(total - named)} other`)
  return parts
}

/** What one of them was: `moved`, `new`. */
export function changeText(change: Change): string {
  const type = shortType(change.type)
  return WORDS.find(([known]) => known === type)?.[2] ?? type.replaceAll(/[._]/g, ' ')
}

/** Whether there is still something to open. */
export function isOpenable(change: Change): boolean {
  return change.task_id !== null && change.task_id !== '' && shortType(change.type) !== 'task.deleted'
}

// `devmentor.task.created.v1` is task.created.
function shortType(type: string): string {
  return type.replace(/^devmentor\./, '').replace(/\.v\d+$/, '')
}

const numbers = new Intl.NumberFormat('en')
const group = (count: number) => numbers.format(count)
