// The page begins here.
import { render } from 'preact'
import { App } from './app.tsx'
import { startRouter } from './router.ts'
import { startSession } from './session.ts'
import './styles/tokens.css'
import './styles/base.css'
import './styles/shell.css'
import './styles/components.css'
import { startTheme } from './theme.ts'

startTheme()
startRouter()
startSession()
const page = document.getElementById('page')
if (page) render(<App />, page)
