import { STATUSES, type Comment, type LiveEvent, type Project, type Status, type Task } from './types'

// The tasks of one project, however they come to be known: a page of the snapshot, an answer to a
// change of our own, an event of somebody else's. All three overlap and overtake each other, so
// everything goes by the version: what is not newer than what is held changes nothing. What was
// deleted stays deleted, as ids are never used again.

export type Columns = Record<Status, Task[]>

/** What an event meant, for those who show it. */
export type Effect =
  | { kind: 'task'; id: string; change: 'added' | 'changed' | 'removed' }
  | { kind: 'comment'; change: 'put'; comment: Comment }
  | { kind: 'comment'; change: 'removed'; id: string; taskId: string }
  | { kind: 'project'; project: Project | null }

interface Wish {
  token: number
  status: Status
  position: string
}

export class BoardModel {
  readonly projectId: string
  #tasks = new Map<string, Task>()
  #deleted = new Set<string>()
  /** Moves that were wished for and are not confirmed: they show, but are easily taken back. */
  #wishes = new Map<string, Wish>()
  #lastToken = 0
  /** While a snapshot is read: the tasks that certainly exist. */
  #met: Set<string> | null = null
  /** While a snapshot is read: the tasks whose comments were counted by an event, which is newer. */
  #counted = new Set<string>()

  constructor(projectId: string) {
    this.projectId = projectId
  }

  get size(): number {
    return this.#tasks.size
  }

  get(id: string): Task | undefined {
    const task = this.#tasks.get(id)
    const wish = this.#wishes.get(id)
    return task && wish ? { ...task, status: wish.status, position: wish.position } : task
  }

  /** False when it is already known, or gone. */
  put(task: Task): boolean {
    if (this.#deleted.has(task.id)) return false
    this.#met?.add(task.id)
    const held = this.#tasks.get(task.id)
    if (held && held.version >= task.version) return this.#recount(held, task)
    this.#tasks.set(task.id, task)
    return true
  }

  // Comments come and go without a new version of their task; what was missed is in the snapshot.
  #recount(held: Task, task: Task): boolean {
    if (this.#met === null || this.#counted.has(held.id)) return false
    if (held.version !== task.version || held.comment_count === task.comment_count) return false
    this.#tasks.set(held.id, { ...held, comment_count: task.comment_count })
    return true
  }

  remove(id: string): boolean {
    this.#deleted.add(id)
    this.#wishes.delete(id)
    return this.#tasks.delete(id)
  }

  beginSnapshot(): void {
    this.#met = new Set()
    this.#counted.clear()
  }

  /** Tasks that neither the snapshot nor an event since its start has named are gone. */
  endSnapshot(): void {
    const met = this.#met
    this.#met = null
    if (met === null) return
    for (const id of this.#tasks.keys()) if (!met.has(id)) this.#tasks.delete(id)
  }

  /** Shows the task behind another one, or at the column's top, until the answer is forgotten. */
  wish(id: string, status: Status, behind: string | null): number {
    const above = behind === null ? undefined : this.get(behind)
    const token = ++this.#lastToken
    // Positions are opaque but ordered: nothing sorts between a text and that text with a NUL.
    this.#wishes.set(id, { token, status, position: above ? `${above.position}\0` : '' })
    return token
  }

  /** A later wish for the same task stays. */
  forgetWish(id: string, token: number): void {
    if (this.#wishes.get(id)?.token === token) this.#wishes.delete(id)
  }

  columns(): Columns {
    const columns: Columns = { todo: [], in_progress: [], in_review: [], done: [] }
    for (const id of this.#tasks.keys()) {
      const task = this.get(id)
      if (task) columns[task.status]?.push(task)
    }
    for (const status of STATUSES) columns[status].sort(byPosition)
    return columns
  }

  /** Takes in what happened; null when it changes nothing here. */
  apply(event: LiveEvent): Effect | null {
    const data = event.data
    if (!isResource(data)) return null
    switch (event.type) {
      case 'devmentor.task.created.v1':
      case 'devmentor.task.updated.v1':
      case 'devmentor.task.moved.v1':
      case 'devmentor.task.completed.v1':
        return this.#applyTask(data as unknown as Task)
      case 'devmentor.task.deleted.v1':
        return this.remove(data.id) ? { kind: 'task', id: data.id, change: 'removed' } : null
      case 'devmentor.comment.added.v1': {
        const { task_comment_count, ...comment } = data as unknown as Comment & { task_comment_count?: number }
        this.#countComments(comment.task_id, task_comment_count)
        return { kind: 'comment', change: 'put', comment }
      }
      case 'devmentor.comment.updated.v1':
        return { kind: 'comment', change: 'put', comment: data as unknown as Comment }
      case 'devmentor.comment.deleted.v1': {
        const taskId = String(data['task_id'])
        this.#countComments(taskId, data['task_comment_count'])
        return { kind: 'comment', change: 'removed', id: data.id, taskId }
      }
      case 'devmentor.project.created.v1':
      case 'devmentor.project.updated.v1':
        return data.id === this.projectId ? { kind: 'project', project: data as unknown as Project } : null
      case 'devmentor.project.deleted.v1':
        return data.id === this.projectId ? { kind: 'project', project: null } : null
      default:
        // Types and versions that came later than this page.
        return null
    }
  }

  #applyTask(data: Task & { changes?: unknown }): Effect | null {
    const { changes: _, ...task } = data
    if (task.project_id !== this.projectId) return null
    const known = this.#tasks.has(task.id)
    if (!this.put(task)) return null
    return { kind: 'task', id: task.id, change: known ? 'changed' : 'added' }
  }

  // Events come in order, so the last one counts.
  #countComments(taskId: string, count: unknown): void {
    this.#counted.add(taskId)
    const task = this.#tasks.get(taskId)
    if (task && typeof count === 'number') this.#tasks.set(taskId, { ...task, comment_count: count })
  }
}

function isResource(data: unknown): data is { id: string; [field: string]: unknown } {
  return typeof data === 'object' && data !== null && typeof (data as { id?: unknown }).id === 'string'
}

function byPosition(a: Task, b: Task): number {
  if (a.position !== b.position) return a.position < b.position ? -1 : 1
  return a.id < b.id ? -1 : 1
}
