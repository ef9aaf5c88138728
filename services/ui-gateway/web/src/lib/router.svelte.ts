import { parseRoute } from './router'

let path = $state(location.pathname)
let search = $state(location.search)
const route = $derived(parseRoute(path))

export const router = {
  get path() {
    return path
  },
  get search() {
    return search
  },
  get route() {
    return route
  },
}

function follow(): void {
  path = location.pathname
  search = location.search
}

export function navigate(to: string, options: { replace?: boolean } = {}): void {
  if (to === location.pathname + location.search) return
  if (options.replace) history.replaceState(null, '', to)
  else history.pushState(null, '', to)
  follow()
}

/** Makes plain links of this app change the page without loading it again. */
export function startRouter(): void {
  addEventListener('popstate', follow)
  document.addEventListener('click', (click) => {
    if (click.defaultPrevented || click.button !== 0) return
    if (click.metaKey || click.ctrlKey || click.shiftKey || click.altKey) return
    const link = click.target instanceof Element ? click.target.closest('a') : null
    if (!link || link.target !== '' || link.hasAttribute('download')) return
    if (link.origin !== location.origin || link.hash !== '' || parseRoute(link.pathname).name === 'unknown') return
    click.preventDefault()
    navigate(link.pathname + link.search)
  })
}
