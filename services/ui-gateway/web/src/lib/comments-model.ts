import type { Comment } from './types'

/** The comments of one task; like the board, it goes by versions and remembers what was deleted. */
export class CommentsModel {
  #comments = new Map<string, Comment>()
  #deleted = new Set<string>()

  put(comment: Comment): boolean {
    if (this.#deleted.has(comment.id)) return false
    const held = this.#comments.get(comment.id)
    if (held && held.version >= comment.version) return false
    this.#comments.set(comment.id, comment)
    return true
  }

  remove(id: string): boolean {
    this.#deleted.add(id)
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
