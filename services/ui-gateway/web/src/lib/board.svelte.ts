import { api, ApiError, errorText, type TaskChange } from './api'
import { BoardModel, heldProject, type Columns, type Effect } from './board-model'
import { connection } from './connection.svelte'
import { announce, notify } from './notices.svelte'
import { Reread } from './reread'
import type { Task } from './api-types'
import { type Placement, type Status, STATUS_NAMES } from './columns'
import { type HeldProject, type HeldTask, isWhole } from './held'
import type { LiveEvent } from './live-event'

export type CommentEffect = Extract<Effect, { kind: 'comment' }>

// Bursts, as from an import, are taken in together: one new picture a frame, also where there are
// no frames because the window is hidden.
const FRAME_MS = 16
/** Without live updates the board is read all the same. */
const READ_ANYWAY_MS = 1_500
const RETRY_MS = 2_000

/** One project as it is on the screen: read once, then kept up to date by its events. */
export class Board {
  readonly projectId: string
  project = $state.raw<HeldProject | null>(null)
  columns = $state.raw<Columns>({ todo: [], in_progress: [], in_review: [], done: [] })
  phase = $state<'loading' | 'ready' | 'missing'>('loading')
  problem = $state('')
  /** Counts the flashes of each card; a new number is a new flash. */
  flashes = $state.raw<ReadonlyMap<string, number>>(new Map())
  /** Grows with each snapshot, for those who read more than the board does. */
  snapshots = $state(0)

  #model: BoardModel
  #waiting: LiveEvent[] = []
  #frame: ReturnType<typeof setTimeout> | undefined
  #retry: ReturnType<typeof setTimeout> | undefined
  #reading: AbortController | null = null
  #saving = new Set<string>()
  #moves: Promise<unknown> = Promise.resolve()
  /** Of the tasks whose descriptions are on the screen. */
  #rereads = new Set<Reread>()
  #commentListeners = new Set<(effect: CommentEffect) => void>()
  #leave: () => void

  constructor(projectId: string) {
    this.projectId = projectId
    this.#model = new BoardModel(projectId)
    this.#retry = setTimeout(() => void this.read(), READ_ANYWAY_MS)
    this.#leave = connection.subscribe(`project:${projectId}`, {
      subscribed: (snapshot) => {
        if (snapshot || this.phase === 'loading') void this.read()
      },
      event: (event) => this.#receive(event),
      refused: () => void this.read(),
    })
  }

  close(): void {
    this.#leave()
    this.#reading?.abort()
    for (const reread of this.#rereads) reread.stop()
    clearTimeout(this.#retry)
    clearTimeout(this.#frame)
  }

  task(id: string): HeldTask | undefined {
    void this.columns // Whoever asks wants to be told of changes.
    return this.#model.get(id)
  }

  /** With all of its description, read if an event left that behind: what an edit may start from. */
  async whole(id: string): Promise<Task> {
    const task = this.#model.get(id)
    if (task && isWhole(task)) return task
    const answer = await api.task(id)
    this.hold(answer)
    return answer
  }

  /** The task's description is on the screen, so what events leave behind is read until that ends. */
  watchText(id: string): () => void {
    const reread = new Reread(
      async () => this.hold(await api.task(id)),
      () => this.#model.isOutdated(id),
    )
    this.#rereads.add(reread)
    reread.want()
    return () => {
      reread.stop()
      this.#rereads.delete(reread)
    }
  }

  onComment(listener: (effect: CommentEffect) => void): () => void {
    this.#commentListeners.add(listener)
    return () => this.#commentListeners.delete(listener)
  }

  /** Reads everything, page by page; events that come meanwhile are taken in at once. */
  async read(): Promise<void> {
    clearTimeout(this.#retry)
    this.#reading?.abort()
    const reading = new AbortController()
    this.#reading = reading
    this.#model.beginSnapshot()
    try {
      const project = await api.project(this.projectId)
      if (reading.signal.aborted) return
      this.#projectRead(heldProject(project))
      let cursor: string | null = null
      do {
        const page: Awaited<ReturnType<typeof api.tasks>> = await api.tasks(this.projectId, cursor, reading.signal)
        if (reading.signal.aborted) return
        for (const task of page.items) this.#model.put(task)
        this.#show()
        cursor = page.next_cursor
      } while (cursor !== null)
      this.#model.endSnapshot()
      this.#show()
      this.phase = 'ready'
      this.problem = ''
      this.snapshots += 1
    } catch (error) {
      if (!reading.signal.aborted) this.#readingFailed(error)
    }
  }

  #readingFailed(error: unknown): void {
    if (error instanceof ApiError && !error.transient) {
      if (error.status !== 401) this.phase = 'missing'
      return
    }
    this.problem = errorText(error)
    this.#retry = setTimeout(() => void this.read(), RETRY_MS)
  }

  #receive(event: LiveEvent): void {
    this.#waiting.push(event)
    this.#frame ??= setTimeout(() => this.#takeIn(), FRAME_MS)
  }

  #takeIn(): void {
    this.#frame = undefined
    const events = this.#waiting
    this.#waiting = []
    const flashes = new Map(this.flashes)
    for (const event of events) {
      const effect = this.#model.apply(event)
      if (effect?.kind === 'task' && effect.change !== 'removed' && !this.#saving.has(effect.id)) {
        flashes.set(effect.id, (flashes.get(effect.id) ?? 0) + 1)
      }
      if (effect?.kind === 'comment') for (const listener of this.#commentListeners) listener(effect)
      if (effect?.kind === 'project') this.#projectChanged(effect.project)
    }
    this.flashes = flashes
    this.#show()
  }

  #projectRead(project: HeldProject): void {
    const held = this.project
    // What an event changed meanwhile stays, but only an answer knows the reader's own role.
    this.project = held && held.version > project.version ? { ...held, role: project.role } : project
  }

  #projectChanged(project: HeldProject | null): void {
    if (project === null) {
      this.phase = 'missing'
    } else if (this.project === null || project.version > this.project.version) {
      // The role is the reader's own, which an event to all members cannot know.
      this.project = { ...project, role: this.project?.role ?? project.role }
    }
  }

  #show(): void {
    this.columns = this.#model.columns()
    for (const reread of this.#rereads) reread.want()
  }

  /** A resource that came as an answer rather than as an event. */
  hold(task: Task): void {
    if (this.#model.put(task)) this.#show()
  }

  async add(fields: TaskChange, idempotencyKey: string): Promise<Task> {
    const task = await api.createTask(this.projectId, fields, idempotencyKey)
    this.hold(task)
    connection.expectEcho()
    return task
  }

  async change(id: string, change: TaskChange, version?: number): Promise<Task> {
    this.#saving.add(id)
    try {
      const task = await api.changeTask(id, change, version)
      this.hold(task)
      connection.expectEcho()
      return task
    } finally {
      this.#saving.delete(id)
    }
  }

  async delete(id: string, version?: number): Promise<void> {
    await api.deleteTask(id, version)
    this.#model.remove(id)
    this.#show()
    connection.expectEcho()
  }

  /**
   * Shows the task at its new place at once and asks the server for it. `index` counts the cards of
   * the column without this one; `cards` are those that are seen, which a filter may have thinned.
   */
  move(id: string, status: Status, index: number, cards: HeldTask[]): void {
    const task = this.#model.get(id)
    if (!task) return
    const others = cards.filter((card) => card.id !== id)
    const above = others[index - 1]
    const below = others[index]
    const placement: Placement = {}
    if (task.status !== status) placement.status = status
    if (above) placement.after_id = above.id
    else if (below) placement.before_id = below.id
    if (Object.keys(placement).length === 0) return
    const token = this.#model.wish(id, status, above?.id ?? null)
    this.#show()
    announce(`${task.ref} moved to ${STATUS_NAMES[status]}, ${Math.min(index, others.length) + 1} of ${others.length + 1}`)
    this.#queueMove(id, placement, token)
  }

  // One after the other: a move may name a neighbour that has just been moved itself.
  #queueMove(id: string, placement: Placement, token: number): void {
    this.#moves = this.#moves.then(async () => {
      try {
        await this.change(id, placement)
      } catch (error) {
        const ref = this.#model.get(id)?.ref ?? 'The task'
        const text = `${ref} was put back: ${errorText(error)}`
        notify(text, 'bad')
        announce(text)
      }
      this.#model.forgetWish(id, token)
      this.#show()
    })
  }
}
