export { ConfigWatch } from './config-watch.ts'
export { Reloader } from './reloader.ts'
export { isRefused, type ListChange, type ReloadReport, type ReloadTrigger, refusalText } from './report.ts'
