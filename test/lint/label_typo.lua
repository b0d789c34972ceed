-- Labels against those that alerts are known to have.
--- case almost one
--- labels alertname severity team pod
return {
    api = 1,
    filter = function(alert)
        return alert.labels.sevrity == "x" or alert:label("tema", "") == "y" --> warning: no known alert has the label 'sevrity'; did you mean 'severity'?
    end,
}
--- case known ones, and those that are like none
--- labels alertname severity team pod
return {
    api = 1,
    filter = function(alert)
        return alert.labels.severity == "x" or alert.labels.node == "y" or alert.labels.namespace == "z"
            or alert.annotations.severty == "q" or alert.labels.job == "k"
    end,
}
--- case nothing is known
return { api = 1, filter = function(alert) return alert.labels.sevrity == "x" end }
--- case match asks for it, so it is meant
--- labels alertname severity team pod
return { api = 1, match = 'teams="x"', filter = function(alert) return alert.labels.teams == "x" end }
