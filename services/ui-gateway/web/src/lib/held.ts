import type { Project, Task } from './api-types'

// What a page holds of tasks and projects: answers give all of them, events leave long texts behind.

/** A text that an event left behind: what was known last, or nothing; never what an edit may start from. */
export interface OldText {
  old: string | null
}

/** A task as a page holds it. Answers give all of it; events may leave a long description behind. */
export interface HeldTask extends Omit<Task, 'description'> {
  description: string | OldText
}

export const isWhole = (task: HeldTask): task is Task => typeof task.description === 'string'

/** The last text that was whole, or nothing. */
export const lastText = ({ description }: HeldTask) => (typeof description === 'string' ? description : description.old)

/** What is on a page of a project's tasks: no description, so that no event can leave one behind. */
export interface HeldProject extends Omit<Project, 'description' | 'role'> {
  /** The reader's own, which no event has. */
  role?: Project['role'] | undefined
}
