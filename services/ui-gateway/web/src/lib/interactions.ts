import { api, type InteractionKind } from './api'
import type { Suggestion } from './api-types'

/**
 * Tells what was done with a reply. It is done whether or not it can be told, so nobody waits for
 * this or hears that it failed.
 */
export function record(messageId: string, kind: InteractionKind, suggestion?: Suggestion): void {
  api.interact(messageId, kind, suggestion).catch(() => {})
}
