import type { TaskChange } from './api'
import { parseLabels } from './labels'
import type { Task } from './api-types'

/** What is typed in the form of a task. */
export interface Draft {
  title: string
  description: string
  labels: string
  due_on: string
}

export const DRAFT_NAMES: Record<keyof Draft, string> = {
  title: 'Title',
  description: 'Description',
  labels: 'Labels',
  due_on: 'Due',
}

const FIELDS = Object.keys(DRAFT_NAMES) as (keyof Draft)[]

export function draftOf(task: Task): Draft {
  return {
    title: task.title,
    description: task.description,
    labels: task.labels.join(', '),
    due_on: task.due_on ?? '',
  }
}

export function isDirty(draft: Draft, base: Draft): boolean {
  return FIELDS.some((field) => draft[field] !== base[field])
}

/** Only what was changed, so that nothing else is written over. */
export function changeOf(draft: Draft, base: Draft): TaskChange {
  const change: TaskChange = {}
  if (draft.title !== base.title) change.title = draft.title.trim()
  if (draft.description !== base.description) change.description = draft.description
  if (draft.labels !== base.labels) change.labels = parseLabels(draft.labels)
  if (draft.due_on !== base.due_on) change.due_on = draft.due_on === '' ? null : draft.due_on
  return change
}

/**
 * The task was changed elsewhere. Fields that were not touched here follow; those that were keep
 * what was typed, and are named when they differ from what is now stored.
 */
export function rebase(draft: Draft, base: Draft, stored: Draft): { draft: Draft; conflicts: (keyof Draft)[] } {
  const next = { ...draft }
  const conflicts: (keyof Draft)[] = []
  for (const field of FIELDS) {
    if (draft[field] === base[field]) next[field] = stored[field]
    else if (stored[field] !== base[field] && stored[field] !== draft[field]) conflicts.push(field)
  }
  return { draft: next, conflicts }
}
