import { api, errorText } from './api'
import type { CommentEffect } from './board.svelte'
import { CommentsModel } from './comments-model'
import { Reread } from './reread'
import type { Comment } from './api-types'

/** The comments of one task as they are on the screen. */
export class CommentList {
  readonly taskId: string
  comments = $state.raw<Comment[]>([])
  /** Those of which there is a newer text that has not been read yet. */
  outdated = $state.raw<ReadonlySet<string>>(new Set())
  /** Where the earlier ones begin, if there are any. */
  cursor = $state<string | null>(null)
  loaded = $state(false)
  problem = $state('')
  /** Something that is not shown, or not as it is now, is being read. */
  incomplete = $state(false)

  #model = new CommentsModel()
  #reread = new Reread(
    () => this.#readMissing(),
    () => this.#model.isIncomplete,
  )

  constructor(taskId: string) {
    this.taskId = taskId
  }

  /** Anew, when there may have been comments that nobody told of. */
  async reload(): Promise<void> {
    this.#model = new CommentsModel()
    await this.load(null)
  }

  // The server gives the newest first, which are those that are read; earlier ones on request.
  async load(from: string | null): Promise<void> {
    const into = this.#model
    this.problem = ''
    try {
      const page = await api.comments(this.taskId, from)
      if (into !== this.#model) return
      for (const comment of page.items) into.put(comment)
      this.cursor = page.next_cursor
      this.loaded = true
      this.#show()
    } catch (error) {
      this.problem = errorText(error)
    }
  }

  receive(effect: CommentEffect): void {
    if (effect.change === 'removed') this.#model.remove(effect.id)
    else if (effect.comment.task_id !== this.taskId) return
    else if (effect.change === 'cut') this.#model.announce(effect.comment)
    else this.#model.put(effect.comment)
    this.#show()
  }

  /** One that came as an answer. */
  hold(comment: Comment): void {
    this.#model.put(comment)
    this.#show()
  }

  remove(id: string): void {
    this.#model.remove(id)
    this.#show()
  }

  close(): void {
    this.#reread.stop()
  }

  // Comments are read by the page only, so from the newest on until all that was missing has come.
  async #readMissing(): Promise<void> {
    const into = this.#model
    let cursor: string | null = null
    do {
      const page: Awaited<ReturnType<typeof api.comments>> = await api.comments(this.taskId, cursor)
      if (into !== this.#model) return
      for (const comment of page.items) into.update(comment)
      this.#show()
      cursor = page.next_cursor
    } while (cursor !== null && into.isIncomplete)
  }

  #show(): void {
    const model = this.#model
    this.comments = model.inOrder()
    this.outdated = model.outdated()
    this.incomplete = model.isIncomplete
    this.#reread.want()
  }
}
