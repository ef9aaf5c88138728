// Cards that glide to where they went, within a column and across. Before a change the places of
// the visible cards are noted, after it each is animated from the old one. A card that changed its
// column is flown by a copy above the board, as a column cuts off what sticks out of it.

const GLIDE_MS = 220
const EASING = 'cubic-bezier(0.2, 0.7, 0.2, 1)'
/** More than this takes longer to measure than a frame lasts. */
const CARDS_MAX = 1200

interface Spot {
  element: HTMLElement
  parent: Element | null
  rect: DOMRect
}

const still = matchMedia('(prefers-reduced-motion: reduce)')

function spots(root: HTMLElement): Map<string, Spot> {
  const found = new Map<string, Spot>()
  const cards = root.querySelectorAll<HTMLElement>('[data-glide]')
  if (cards.length > CARDS_MAX) return found
  for (const element of cards) {
    const id = element.dataset['glide']
    if (id) found.set(id, { element, parent: element.parentElement, rect: element.getBoundingClientRect() })
  }
  return found
}

/**
 * Notes where the cards are; call the answer when they are where they go. A card that was dropped
 * is already where it was carried to.
 */
export function glide(root: HTMLElement, dropped: string | null): () => void {
  if (still.matches || document.visibilityState === 'hidden') return () => {}
  const before = spots(root)
  return () => {
    for (const [id, now] of spots(root)) {
      const old = before.get(id)
      if (!old || id === dropped) continue
      const x = old.rect.left - now.rect.left
      const y = old.rect.top - now.rect.top
      if (Math.abs(x) < 1 && Math.abs(y) < 1) continue
      if (!isVisible(old.rect) && !isVisible(now.rect)) continue
      if (old.parent === now.parent) slide(now.element, x, y)
      else fly(now.element, x, y, now.rect)
    }
  }
}

function isVisible(rect: DOMRect): boolean {
  return rect.bottom > 0 && rect.right > 0 && rect.top < innerHeight && rect.left < innerWidth
}

function slide(element: HTMLElement, x: number, y: number): Animation {
  const timing = { duration: GLIDE_MS, easing: EASING }
  return element.animate([{ transform: `translate(${x}px, ${y}px)` }, { transform: 'none' }], timing)
}

function fly(element: HTMLElement, x: number, y: number, rect: DOMRect): void {
  const copy = element.cloneNode(true) as HTMLElement
  copy.removeAttribute('data-glide')
  for (const part of copy.querySelectorAll('[data-testid], [id]')) {
    part.removeAttribute('data-testid')
    part.removeAttribute('data-ref')
    part.removeAttribute('id')
  }
  copy.inert = true
  copy.setAttribute('aria-hidden', 'true')
  copy.classList.add('flying')
  Object.assign(copy.style, {
    left: `${rect.left}px`,
    top: `${rect.top}px`,
    width: `${rect.width}px`,
  })
  document.body.append(copy)
  element.animate([{ opacity: 0 }, { opacity: 0 }], { duration: GLIDE_MS })
  const flight = slide(copy, x, y)
  flight.onfinish = flight.oncancel = () => copy.remove()
}
