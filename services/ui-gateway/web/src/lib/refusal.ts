import { ApiError, errorText } from './api'

/** Why something that was given to the mentor was not taken, and what that means for it. */
export function refusalText(what: 'question' | 'rating', error: unknown): string {
  const reason = sentence(errorText(error))
  if (!(error instanceof ApiError)) return reason
  // The mentor learns only from what cannot be lost again, so it takes nothing while it cannot keep it.
  if (error.status === 503) {
    return `${reason} What cannot be kept is not accepted, so your ${what} was not. It is still here: try again.`
  }
  if (error.transient) return `${reason} Your ${what} is still here: try again; it will not count twice.`
  return reason
}

function sentence(text: string): string {
  return /[.!?…]$/.test(text) ? text : `${text}.`
}
