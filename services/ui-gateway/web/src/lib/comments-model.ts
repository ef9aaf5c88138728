import type { CutComment } from './board-model'
import type { Comment } from './api-types'

/** The comments of one task; like the board, it goes by versions and remembers what was deleted. */
export class CommentsModel {
  #comments = new Map<string, Comment>()
  #deleted = new Set<string>()
  /** Newest versions that are known of, but not read. */
  #unread = new Map<string, { version: number; isNew: boolean }>()

  /** Whether a comment that belongs here, or its newest text, still has to be read. */
  get isIncomplete(): boolean {
    return [...this.#unread.keys()].some((id) => this.#isMissing(id))
  }

  /** Those that are held, but not with their newest text. */
  outdated(): Set<string> {
    return new Set([...this.#unread.keys()].filter((id) => this.#comments.has(id)))
  }

  /** The event had not all of its text, so what is held stays until that is read. */
  announce({ id, version, isNew }: CutComment): void {
    if (this.#deleted.has(id) || (this.#comments.get(id)?.version ?? 0) >= version) return
    const known = this.#unread.get(id)
    if (known && known.version >= version) return
    this.#unread.set(id, { version, isNew: isNew || (known?.isNew ?? false) })
  }

  /** Of a page that was read for what is missing: nothing else is taken in. */
  update(comment: Comment): void {
    if (this.#comments.has(comment.id) || this.#isMissing(comment.id)) this.put(comment)
  }

  // A changed comment that is not held is among the earlier ones, which are read on request.
  #isMissing(id: string): boolean {
    return this.#comments.has(id) ? this.#unread.has(id) : (this.#unread.get(id)?.isNew ?? false)
  }

  put(comment: Comment): boolean {
    if (this.#deleted.has(comment.id)) return false
    const held = this.#comments.get(comment.id)
    if (held && held.version >= comment.version) return false
    this.#comments.set(comment.id, comment)
    if (comment.version >= (this.#unread.get(comment.id)?.version ?? 0)) this.#unread.delete(comment.id)
    return true
  }

  remove(id: string): boolean {
    this.#deleted.add(id)
    this.#unread.delete(id)
    return this.#comments.delete(id)
  }

  /** As a conversation is read: the oldest first. */
  inOrder(): Comment[] {
    return [...this.#comments.values()].sort((a, b) => {
      if (a.created_at !== b.created_at) return a.created_at < b.created_at ? -1 : 1
      return a.id < b.id ? -1 : 1
    })
  }
}
