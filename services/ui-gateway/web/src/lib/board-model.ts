import type { Comment, Project, Task } from './api-types'
import { type Status, STATUSES } from './columns'
import { type HeldProject, type HeldTask, isWhole, lastText } from './held'
import type { EventNotes, LiveEvent } from './live-event'

// The tasks of one project, however they come to be known: a page of the snapshot, an answer to a
// change of our own, an event of somebody else's. All three overlap and overtake each other, so
// everything goes by the version: what is not newer than what is held changes nothing. What was
// deleted stays deleted, as ids are never used again.
//
// An event has only the beginning of a long text, which is dropped here: beyond this file a text is
// whole, or known to be old.

export type Columns = Record<Status, HeldTask[]>

/** What an event meant, for those who show it. */
export type Effect =
  | { kind: 'task'; id: string; change: 'added' | 'changed' | 'removed' }
  | { kind: 'comment'; change: 'put'; comment: Comment }
  | { kind: 'comment'; change: 'cut'; comment: CutComment }
  | { kind: 'comment'; change: 'removed'; id: string; taskId: string }
  | { kind: 'project'; project: HeldProject | null }

/** A comment whose text the event does not have. */
export interface CutComment {
  id: string
  task_id: string
  version: number
  isNew: boolean
}

interface Wish {
  token: number
  status: Status
  position: string
}

export class BoardModel {
  readonly projectId: string
  #tasks = new Map<string, HeldTask>()
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

  get(id: string): HeldTask | undefined {
    const task = this.#tasks.get(id)
    const wish = this.#wishes.get(id)
    return task && wish ? { ...task, status: wish.status, position: wish.position } : task
  }

  /** Whether its description is older than the rest of it. */
  isOutdated(id: string): boolean {
    const task = this.#tasks.get(id)
    return task !== undefined && !isWhole(task)
  }

  /** False when it is already known, or gone. */
  put(task: HeldTask): boolean {
    if (this.#deleted.has(task.id)) return false
    this.#met?.add(task.id)
    const held = this.#tasks.get(task.id)
    if (held && held.version > task.version) return false
    if (held && held.version === task.version) return this.#complete(held, task)
    this.#tasks.set(task.id, task)
    return true
  }

  /** The same version may still have what an event left behind, and another count of comments. */
  #complete(held: HeldTask, task: HeldTask): boolean {
    const description = !isWhole(held) && isWhole(task) ? task.description : held.description
    const comment_count = this.#mayRecount(held.id) ? task.comment_count : held.comment_count
    if (description === held.description && comment_count === held.comment_count) return false
    this.#tasks.set(held.id, { ...held, description, comment_count })
    return true
  }

  // Comments come and go without a new version of their task; what was missed is in the snapshot.
  #mayRecount(id: string): boolean {
    return this.#met !== null && !this.#counted.has(id)
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
        return this.#applyTask(data as unknown as Task & EventNotes)
      case 'devmentor.task.deleted.v1':
        return this.remove(data.id) ? { kind: 'task', id: data.id, change: 'removed' } : null
      case 'devmentor.comment.added.v1': {
        const { task_comment_count, ...comment } = data as unknown as Comment & EventNotes & { task_comment_count?: number }
        this.#countComments(comment.task_id, task_comment_count)
        return commentEffect(comment, true)
      }
      case 'devmentor.comment.updated.v1':
        return commentEffect(data as unknown as Comment & EventNotes, false)
      case 'devmentor.comment.deleted.v1': {
        const taskId = String(data['task_id'])
        this.#countComments(taskId, data['task_comment_count'])
        return { kind: 'comment', change: 'removed', id: data.id, taskId }
      }
      case 'devmentor.project.created.v1':
      case 'devmentor.project.updated.v1':
        return data.id === this.projectId ? { kind: 'project', project: heldProject(data as unknown as Project) } : null
      case 'devmentor.project.deleted.v1':
        return data.id === this.projectId ? { kind: 'project', project: null } : null
      default:
        // Types and versions that came later than this page.
        return null
    }
  }

  #applyTask({ changes: _, cut, ...task }: Task & EventNotes): Effect | null {
    if (task.project_id !== this.projectId) return null
    const held = this.#tasks.get(task.id)
    if (!this.put(isCut(cut, 'description') ? { ...task, description: { old: held ? lastText(held) : null } } : task)) return null
    return { kind: 'task', id: task.id, change: held ? 'changed' : 'added' }
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

const isCut = (cut: unknown, field: string) => Array.isArray(cut) && cut.includes(field)

function commentEffect({ changes: _, cut, ...comment }: Comment & EventNotes, isNew: boolean): Effect {
  if (!isCut(cut, 'body')) return { kind: 'comment', change: 'put', comment }
  const { id, task_id, version } = comment
  return { kind: 'comment', change: 'cut', comment: { id, task_id, version, isNew } }
}

/** The description is not shown where events come, so it is not kept: an event may have only its beginning. */
export function heldProject({ description: _, changes: __, cut: ___, ...project }: Project & EventNotes): HeldProject {
  return project
}

function byPosition(a: HeldTask, b: HeldTask): number {
  if (a.position !== b.position) return a.position < b.position ? -1 : 1
  return a.id < b.id ? -1 : 1
}
