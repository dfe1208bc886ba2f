/** What an outside module needs to call an API (`certfleet/api`). */
export { fail, isFailure, reasonOf } from '../core/errors.ts';
export { noteWrite } from '../core/writes.ts';
export { badList, createDnsApi } from './dns-api.ts';
export {
  type ApiAnswer,
  type ApiCall,
  type ApiRequest,
  createJsonApi,
  type Fields,
  isFields,
  isRefusal,
  type JsonApi,
  judgeByStatus,
  readFields,
  readList,
  readString,
  refusalOf,
  UnreadableAnswer,
  type Verdict,
} from './json-api.ts';
export { type Page, readPages } from './pages.ts';
