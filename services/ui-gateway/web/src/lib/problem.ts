import type { Problem as Answered } from './api-types'

/** A problem: the server's, or one that this app finds by itself, which has a title and a code of its own. */
export interface Problem extends Pick<Answered, 'title' | 'status'>, Partial<Pick<Answered, 'detail' | 'request_id' | 'errors'>> {
  code: string
}
