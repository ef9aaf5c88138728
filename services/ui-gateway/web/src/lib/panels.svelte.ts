import { MediaQuery } from 'svelte/reactivity'

// The panels beside the page. The mentor's is remembered, as someone who works with it wants it
// there; not on a narrow screen, where it would cover the board they came for.

const STORED = 'devmentor.mentor'
const narrow = new MediaQuery('max-width: 720px')

let mentor = $state(stored() && !narrow.current)
let profile = $state(false)
/** Opened by a wish of now, which is what may take the focus. */
let asked = false

function stored(): boolean {
  try {
    return localStorage.getItem(STORED) === 'open'
  } catch {
    return false // Storage may be forbidden; the panel then begins closed.
  }
}

export const panels = {
  /** Where a panel is as wide as the page and covers it. */
  get cover() {
    return narrow.current
  },
  get mentor() {
    return mentor
  },
  get profile() {
    return profile
  },
  /** Whether a panel that has just come may take the focus; asked once. */
  claimFocus(): boolean {
    const claimed = asked
    asked = false
    return claimed
  },
  toggleMentor(): void {
    mentor = !mentor
    asked = mentor
    try {
      localStorage.setItem(STORED, mentor ? 'open' : 'closed')
    } catch {
      // See above.
    }
  },
  toggleProfile(): void {
    profile = !profile
    asked = profile
  },
  closeProfile(): void {
    profile = false
  },
}
