/** The API of `certfleet/api`, for outside modules that call an HTTP API. */

export { noteWrite } from '../core/async/writes.ts';
export { fail, isFailure, reasonOf } from '../core/errors/errors.ts';
export { type Fields, isFields } from '../core/text/json.ts';
export { badList, createDnsApi } from './http/dns-api.ts';
export {
  type ApiAnswer,
  type ApiCall,
  type ApiRequest,
  createJsonApi,
  isRefusal,
  type JsonApi,
  judgeByStatus,
  readFields,
  readList,
  readString,
  refusalOf,
  UnreadableAnswer,
  type Verdict,
} from './http/json-api.ts';
export { type Page, readPages } from './http/pages.ts';
