import type { Task, TaskPatch } from './api-types'

// The columns of a board.

export type Status = Task['status']

export const STATUSES = ['todo', 'in_progress', 'in_review', 'done'] as const satisfies Status[]

export const STATUS_NAMES: Record<Status, string> = {
  todo: 'To do',
  in_progress: 'In progress',
  in_review: 'In review',
  done: 'Done',
}

/** Where a task goes: to a column, beside another card or to the column's end. */
export type Placement = Pick<TaskPatch, 'after_id' | 'before_id'> & { status?: Status }
