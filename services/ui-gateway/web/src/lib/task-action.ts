import { ApiError, type TaskChange } from './api'
import type { Columns } from './board-model'
import { dayIn, formatDay } from './dates'
import type { Suggestion, Task } from './api-types'
import { type Placement, type Status, STATUS_NAMES } from './columns'
import type { HeldTask } from './held'
import { OnceKey } from './once-key'
import { openSteps } from './steps'

/** The part of a board that a suggestion needs. */
export interface TaskBoard {
  readonly projectId: string
  readonly columns: Columns
  task(id: string): HeldTask | undefined
  /** With all of its description, which may have to be read. */
  whole(id: string): Promise<Task>
  add(fields: TaskChange, idempotencyKey: string): Promise<Task>
  change(id: string, change: TaskChange, version?: number): Promise<Task>
  delete(id: string, version?: number): Promise<void>
}

const DUE_IN_DAYS = 7
const KINDS = ['split', 'set_due_date', 'ask_for_review', 'close']

/** Kinds that came later than this page are not offered. */
export const isKnown = (suggestion: Suggestion) => KINDS.includes(suggestion.kind)

/**
 * Does what a suggestion says, and takes it back. Each step that succeeded leaves its reversal
 * behind, so a half done action goes on where it broke and a half undone one, too.
 */
export class TaskAction {
  #board: TaskBoard
  #suggestion: Suggestion
  #once = new OnceKey()
  /** The steps of a split that are still to become tasks. */
  #steps: string[] | null = null
  #reversals: (() => Promise<unknown>)[] = []

  constructor(board: TaskBoard, suggestion: Suggestion) {
    this.#board = board
    this.#suggestion = suggestion
  }

  get undoable(): boolean {
    return this.#reversals.length > 0
  }

  /** Answers with what was done, in a sentence. */
  async run(): Promise<string> {
    const task = this.#board.task(this.#suggestion.task_id)
    if (!task) throw new Error('The task is not there any more.')
    switch (this.#suggestion.kind) {
      case 'split':
        return this.#split(task)
      case 'set_due_date':
        return this.#setDueDate(task)
      case 'ask_for_review':
        return this.#setStatus(task, 'in_review')
      default:
        return this.#setStatus(task, 'done')
    }
  }

  /** The last first, as later steps may stand on earlier ones. What others changed since stays. */
  async undo(): Promise<void> {
    let changed = false
    for (let back = this.#reversals.at(-1); back; back = this.#reversals.at(-1)) {
      try {
        await back()
      } catch (error) {
        if (!(error instanceof ApiError && error.code === 'version_mismatch')) throw error
        changed = true
      }
      this.#reversals.pop()
    }
    this.#steps = null
    if (changed) throw new Error('What was changed since is left as it is.')
  }

  async #split(task: HeldTask): Promise<string> {
    this.#steps ??= openSteps((await this.#board.whole(task.id)).description)
    const steps = this.#steps
    if (steps.length === 0 && !this.undoable) throw new Error(`${task.ref} has no open steps any more.`)
    for (let title = steps[0]; title !== undefined; title = steps[0]) {
      const fields = { title, status: 'todo', description: `From ${task.ref}.` } as const
      const made = await this.#board.add(fields, this.#once.for(`${steps.length} ${title}`))
      this.#once.done()
      this.#reversals.push(() => this.#remove(made))
      steps.shift()
    }
    const count = this.#reversals.length
    return `${task.ref} was split into ${count} ${count === 1 ? 'task' : 'tasks'}.`
  }

  async #setDueDate(task: HeldTask): Promise<string> {
    const due_on = dayIn(DUE_IN_DAYS)
    if (task.due_on === due_on) throw new Error(`${task.ref} is already due ${formatDay(due_on)}.`)
    await this.#change(task, { due_on }, () => ({ due_on: task.due_on }))
    return `${task.ref} is due ${formatDay(due_on)}.`
  }

  async #setStatus(task: HeldTask, status: Status): Promise<string> {
    const name = STATUS_NAMES[status].toLowerCase()
    if (task.status === status) throw new Error(`${task.ref} is already ${name}.`)
    const cards = () => this.#board.columns[task.status].map((card) => card.id)
    const order = cards()
    await this.#change(task, { status }, () => ({ status: task.status, ...placeBack(order, task.id, cards()) }))
    return `${task.ref} is ${name}.`
  }

  // By versions both ways: what is taken back is what was there, and nobody's change is written over.
  async #change(task: HeldTask, change: TaskChange, back: () => TaskChange): Promise<void> {
    const changed = await this.#board.change(task.id, change, task.version)
    this.#reversals.push(() => this.#board.change(task.id, back(), changed.version))
  }

  async #remove(made: Task): Promise<void> {
    try {
      await this.#board.delete(made.id, made.version)
    } catch (error) {
      if (!(error instanceof ApiError && error.status === 404)) throw error
    }
  }
}

/** Beside the nearest card that was above it and is still there, else below, else at the end. */
export function placeBack(order: string[], id: string, present: string[]): Placement {
  const at = order.indexOf(id)
  const isHere = (other: string) => other !== id && present.includes(other)
  const above = order.slice(0, Math.max(at, 0)).findLast(isHere)
  if (above !== undefined) return { after_id: above }
  const below = order.slice(at + 1).find(isHere)
  return below === undefined ? {} : { before_id: below }
}
