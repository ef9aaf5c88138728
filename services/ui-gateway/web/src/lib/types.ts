// The resources of the REST interface, as far as this app uses them.

export const STATUSES = ['todo', 'in_progress', 'in_review', 'done'] as const
export type Status = (typeof STATUSES)[number]

export const STATUS_NAMES: Record<Status, string> = {
  todo: 'To do',
  in_progress: 'In progress',
  in_review: 'In review',
  done: 'Done',
}

export interface User {
  id: string
  email: string
  handle: string
  roles: string[]
  email_verified: boolean
  /** The address that takes the place of `email` once it is proven. */
  pending_email: string | null
  second_factor: boolean
  created_at: string
}

export interface Project {
  id: string
  key: string
  name: string
  description: string
  status: 'active' | 'archived'
  role: string
  version: number
  created_at: string
  updated_at: string
}

/** Someone with an account, or only a name that came with an import. */
export interface Author {
  user_id: string | null
  name: string
}

export interface Task {
  id: string
  project_id: string
  ref: string
  title: string
  description: string
  status: Status
  labels: string[]
  due_on: string | null
  /** Opaque; sorts bytewise within a status. */
  position: string
  author: Author
  external_ref: string | null
  comment_count: number
  version: number
  created_at: string
  updated_at: string
  completed_at: string | null
}

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
export type HeldProject = Omit<Project, 'description'>

export interface Comment {
  id: string
  task_id: string
  author: Author
  body: string
  external_ref: string | null
  version: number
  created_at: string
  updated_at: string
}

export interface Page<T> {
  items: T[]
  next_cursor: string | null
}

export interface FieldError {
  field: string
  message: string
}

/** application/problem+json */
export interface Problem {
  title: string
  status: number
  detail?: string | null
  code: string
  request_id?: string | null
  errors?: FieldError[] | null
}

/** Where a task goes: to a column, beside another card or to the column's end. */
export interface Placement {
  status?: Status
  after_id?: string
  before_id?: string
}

export interface Health {
  status: 'ok' | 'degraded' | 'down'
  services?: Record<string, { status: string }>
  redis?: Record<string, { status: string; backlog?: number }>
  database?: Record<string, { status: string }>
}

/** The envelope of everything that happened: a CloudEvent. */
export interface LiveEvent {
  id: string
  type: string
  project_id?: string
  data: unknown
}

/** In `changes` in place of a long text: there is one, of which nothing more is said. */
export interface CutText {
  cut: true
}

export type ChangedValue = string | number | boolean | null | string[] | CutText

/** What stands in an event's data beside the resource. */
export interface EventNotes {
  changes?: Record<string, { from: ChangedValue; to: ChangedValue }>
  /** The fields that are only the beginnings of their texts. Answers have all of them. */
  cut?: string[]
}
