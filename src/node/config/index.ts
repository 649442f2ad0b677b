export { type ConfigContext, loadConfig, parseConfig } from './load.ts'
export { type ConfigDraft, type DraftValue, renderConfig } from './render.ts'
export { type ApprovedSet, loadSetFile, parseSetFile } from './set-file.ts'
export type * from './types.ts'
