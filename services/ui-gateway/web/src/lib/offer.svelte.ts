import { errorText } from './api'
import { record } from './interactions'
import type { Suggestion } from './api-types'
import { dismiss, notify } from './notices.svelte'
import { TaskAction, type TaskBoard } from './task-action'

/** One suggestion of a reply, and what became of it. */
export class Offer {
  readonly suggestion: Suggestion
  phase = $state<'open' | 'working' | 'done' | 'dismissed'>('open')
  /** What was done. */
  outcome = $state('')
  problem = $state('')
  /** Also of what was only half done. */
  undoable = $state(false)

  #messageId: string
  #action: TaskAction
  #notice: number | null = null

  constructor(messageId: string, suggestion: Suggestion, board: TaskBoard) {
    this.#messageId = messageId
    this.suggestion = suggestion
    this.#action = new TaskAction(board, suggestion)
  }

  async accept(): Promise<void> {
    if (this.phase !== 'open') return
    this.#begin()
    try {
      this.outcome = await this.#action.run()
      this.#settle('done')
      this.#notice = notify(this.outcome, 'plain', { label: 'Undo', run: () => void this.undo() })
      record(this.#messageId, 'accepted', this.suggestion)
    } catch (error) {
      this.#settle('open')
      this.problem = errorText(error)
      if (this.undoable) this.problem += ' A part of it is done: press again to go on, or undo that part.'
    }
  }

  async undo(): Promise<void> {
    const before = this.phase
    if (!this.undoable || before === 'working') return
    this.#begin()
    if (this.#notice !== null) dismiss(this.#notice)
    try {
      await this.#action.undo()
      this.#settle('open')
      this.outcome = ''
      notify('Undone: all is as it was.')
    } catch (error) {
      this.#settle(before)
      this.problem = errorText(error)
      // Where the panel is closed, only a note is seen.
      notify(`Not all was undone. ${this.problem}`, 'bad')
    }
  }

  dismiss(): void {
    if (this.phase !== 'open') return
    this.phase = 'dismissed'
    record(this.#messageId, 'dismissed', this.suggestion)
  }

  #begin(): void {
    this.phase = 'working'
    this.problem = ''
  }

  #settle(phase: Offer['phase']): void {
    this.phase = phase
    this.undoable = this.#action.undoable
  }
}
