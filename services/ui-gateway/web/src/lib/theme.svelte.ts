export type Theme = 'light' | 'dark'

// A choice made with the toggle is remembered; without one the page follows the system.

const STORED = 'devmentor.theme'
const system = matchMedia('(prefers-color-scheme: dark)')

let chosen = $state<Theme | null>(stored())
let systemTheme = $state<Theme>(system.matches ? 'dark' : 'light')
system.addEventListener('change', () => (systemTheme = system.matches ? 'dark' : 'light'))

function stored(): Theme | null {
  try {
    const value = localStorage.getItem(STORED)
    return value === 'light' || value === 'dark' ? value : null
  } catch {
    return null // Storage may be forbidden; the toggle then lasts for the visit.
  }
}

function show(): void {
  if (chosen === null) delete document.documentElement.dataset['theme']
  else document.documentElement.dataset['theme'] = chosen
}

export const theme = {
  get current(): Theme {
    return chosen ?? systemTheme
  },
  toggle(): void {
    chosen = theme.current === 'dark' ? 'light' : 'dark'
    show()
    try {
      localStorage.setItem(STORED, chosen)
    } catch {
      // See above.
    }
  },
}

show()
