// What the mentor and its learning say over the REST interface and the live topic of a person.

/** How a reply is written: a choice for each dimension, such as `verbosity: concise`. */
export type Style = Record<string, string>

export interface Question {
  conversation_id?: string
  project_id?: string
  message: string
}

export interface Reference {
  type: string
  id: string
  /** `KEY` or `KEY-12`, as it stands in the reply. */
  ref: string
}

export interface Suggestion {
  kind: string
  task_id: string
  label: string
}

export interface Reply {
  conversation_id: string
  message_id: string
  reply: string
  style: Style
  references: Reference[]
  suggestions: Suggestion[]
  cached: boolean
  source: string
  /** The version of the profile that the style was drawn from; 0 before any rating. */
  profile_version: number
}

export type InteractionKind = 'copied' | 'followed_up' | 'accepted' | 'dismissed'

/** An answer of 202: what was told is kept. */
export interface Recorded {
  event_id: string
  position: string
}

/** What was learned of a person: how likely each choice is for the next reply. */
export interface Profile {
  user_id: string
  /** Grows with each change; 0 before any rating. */
  version: number
  style: Record<string, Record<string, number>>
  feedback_count: number
  average_rating: number | null
  updated_at: string | null
}

/** A reply was chosen by a newer profile than the one before it. */
export interface Adaptation {
  message_id: string
  profile_version: number
  previous_version: number
}

export interface Change {
  position: string
  type: string
  task_id: string | null
  ref: string | null
  title: string | null
  time: string
}

export interface Changes {
  /** The position up to which the person was here; nothing when that is not known. */
  since: string | null
  total: number
  by_type: Record<string, number>
  latest: Change[]
}

/** What stands out in a project, as far as this app shows it. */
export interface Summary {
  project_id: string
  changes: Changes
}
