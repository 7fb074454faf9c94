-- title: One identity at a glance
-- question: How much does one identity call, since when, by which sources and from which countries?
-- param: identity String -- the identity's id
SELECT
    sum(calls) AS calls,
    sum(denied) AS denied,
    sum(errors) AS errors,
    sum(bytes_out) AS bytes_out,
    uniqExact(operation) AS operations,
    uniqCombinedMerge(12)(addresses_state) AS addresses,
    uniqExact(toDate(hour)) AS active_days,
    min(first_ts) AS first_seen,
    max(last_ts) AS last_seen,
    groupUniqArray(toString(format)) AS sources,
    arraySort(groupUniqArrayArray(countries)) AS countries
FROM events_hourly
WHERE tenant = {tenant:String} AND identity_id = {identity:String}
GROUP BY identity_id
