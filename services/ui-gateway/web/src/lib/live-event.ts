/** The envelope of everything that happened: a CloudEvent. */
export interface LiveEvent {
  id: string
  type: string
  project_id?: string
  data: unknown
}

/** In `changes` in place of a long text: there is one, of which nothing more is said. */
export interface CutText {
  cut: true
}

export type ChangedValue = string | number | boolean | null | string[] | CutText

/** What stands in an event's data beside the resource. */
export interface EventNotes {
  changes?: Record<string, { from: ChangedValue; to: ChangedValue }>
  /** The fields that are only the beginnings of their texts. Answers have all of them. */
  cut?: string[]
}
