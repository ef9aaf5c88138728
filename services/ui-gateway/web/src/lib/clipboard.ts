import { notify } from './notices.svelte'

/** Whether it was copied; when not, the person is told what to do. */
export async function copy(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text)
  } catch {
    // The browser forbids it, or the page came over plain HTTP and has no clipboard at all.
    notify('The browser does not let this page copy; select the text instead.', 'bad')
    return false
  }
  notify('Copied.')
  return true
}
