import { ApiError } from './api'

// Some things take a password again when the last one is a while ago. Whoever wants such a thing is
// asked in between, and then it goes on.

/** Somebody thought better of it. */
export class Cancelled extends Error {}

interface Question {
  done: () => void
  cancel: () => void
}

let question = $state.raw<Question | null>(null)

export const reauthentication = {
  /** What the dialog answers; nothing while nobody is asked. */
  get question() {
    return question
  },
}

/** Does it, with the password confirmed where the server asks for that. */
export async function confirmed<T>(action: () => Promise<T>): Promise<T> {
  try {
    return await action()
  } catch (error) {
    if (!(error instanceof ApiError && error.code === 'reauthentication_required')) throw error
  }
  await ask()
  return action()
}

async function ask(): Promise<void> {
  question?.cancel()
  try {
    await new Promise<void>((done, fail) => (question = { done, cancel: () => fail(new Cancelled()) }))
  } finally {
    question = null
  }
}
