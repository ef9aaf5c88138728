import './styles/theme.css'
import './styles/base.css'
import './styles/controls.css'
import { mount } from 'svelte'
import App from './App.svelte'
import { watchBrowser } from './lib/connection.svelte'
import { startRouter } from './lib/router.svelte'
import { watchSession } from './lib/session.svelte'

const target = document.getElementById('app')
if (!target) throw new Error('The page has no #app.')

startRouter()
watchBrowser()
watchSession()
mount(App, { target })
