# escape=`

FROM mcr.microsoft.com/windows/nanoserver:ltsc2022
COPY testfile.txt c:\
RUN dir c:\
WORKDIR c:\app
ENV TOOLS=C:\tools
ENV PATH="$TOOLS;${PATH}"
CMD ["cmd", "/S", "/C", "dir"]
